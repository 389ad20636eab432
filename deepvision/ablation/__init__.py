"""Comparisons: arms times seeds, trained, resumed, summarized and reported.

`arms` makes the grid, `run` trains what is not finished, `results` reads it back from the folders, `statistics`
summarizes over seeds, `report` writes the tables and `plot` the picture.
"""
