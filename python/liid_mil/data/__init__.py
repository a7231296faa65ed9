"""Images with image-level tags: composed scenes, the VOC and COCO layouts, a folder with a CSV."""
