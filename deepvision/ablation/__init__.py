"""Comparisons: arms times seeds, trained, resumed, summarized and reported.

`arms` makes the grid, `groups` puts together what one program serves, `tuning` finds the best values for every arm,
`run` trains what is missing and `replicas` all of a group at once; `folders` says what lies where. `reading` reads run
folders back as `results`, `merge` and `unite` those of several ablations; `statistics` has the formulas, `analysis`
applies them, `verdict` puts them into words; `plots` and `report` show them.
"""
