"""Comparisons: arms times seeds, trained, resumed, summarized and reported.

`arms` makes the grid, `run` trains what is not finished, `results` reads one run folder back, `merge` and `unite`
those of several ablations; `statistics` has the formulas, `analysis` applies them, `verdict` puts them into words;
`plots` and `report` show them.
"""
