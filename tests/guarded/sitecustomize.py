"""Python imports this in every process that tests start, by way of PYTHONPATH."""

from connections import refuse

refuse()
