"""Do components take charge of objects? Measured on models of the built-in scenes; docs/composition.md explains it.

`overlap`, `rand_index`, `purity`, `dci`, `distributions` and `change` hold the numbers, as pure functions; `referee`
finds objects in generated images; `metric` is what `--metrics composition` computes.
"""
