"""Published data sets: cell moments in, microdata out, or the original file on request.

The rows are synthetic and the cell moments are real: within each cell the number of rows
and the means, variances and covariances of the measures are those of the original file,
everything else is drawn. What that keeps, and what it does not:

- Kept to the digit: every mean, regression and 2SLS or LIML estimate on variables that are
  constant within cells, in all rows or in a selection of cells; the measures may also enter
  as regressors. Their conventional standard errors are kept too, and the robust and
  clustered ones where the regressors (for 2SLS, the instruments) and the clusters are constant
  within cells.
- Drawn, hence not to be reported: medians, quantiles, shares below a value, logs and
  squares of a measure, anything after selecting rows by a measure, and robust standard
  errors with a measure among the regressors, which need fourth moments.
"""

from casestudies.archives.card_krueger import card_krueger, card_krueger_cells
from casestudies.archives.email_experiment import email_experiment, email_experiment_cells
from casestudies.archives.quarter_of_birth import quarter_of_birth, quarter_of_birth_cells

__all__ = [
    "card_krueger",
    "card_krueger_cells",
    "email_experiment",
    "email_experiment_cells",
    "quarter_of_birth",
    "quarter_of_birth_cells",
]
