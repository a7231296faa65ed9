"""What a run will take, before anything starts: :func:`plan_run`.

settings.py      what is asked: sizes, settings of the run, machines
assumptions.py   what depends on the data, and what is assumed of it
choosing.py      which neighbour method the run will take
searches.py      what each method counts and holds;  cutting.py  graph, delta, cut, files
single.py        the steps of a run in one process
costs.py         seconds of each unit that is counted;  calibration.py  measures them
forecast.py      counts times costs, stage by stage;  advice.py  what limits the run
"""

from liid_cut.planning.costs import Costs, read_costs, write_costs
from liid_cut.planning.forecast import RunPlan, StageForecast, plan_run

__all__ = ["Costs", "RunPlan", "StageForecast", "plan_run", "read_costs", "write_costs"]
