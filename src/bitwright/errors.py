"""One exception tree.

Every message says which law broke, where, the value that was met and the remedy. Errors travel
between processes, so each one is built from its message alone and pickles.
"""


class BitwrightError(Exception):
    """Any failure that a user can understand and mend; the program ends with exit code 2."""


class ConfigError(BitwrightError):
    """A study file, an override or an option says something that cannot be."""


class SpaceError(BitwrightError):
    """A search space that holds no network, or a genome that is not of this space."""


class InvalidGenome(SpaceError):
    """A sequence of picks that decodes to no network; the message is the reason."""


class DataError(BitwrightError):
    """A data set that cannot be found, read or learned from."""


class TargetError(BitwrightError):
    """A method, network or file that the chosen processor cannot run."""


class StoreError(BitwrightError):
    """A study's database or output folder that cannot be read or written."""


class MeasurementError(BitwrightError):
    """A metric that was asked for and is not there."""


class ExportError(BitwrightError):
    """A network that cannot be written in the requested form."""


class WorkerError(BitwrightError):
    """A worker process that cannot do its work: it died before it could begin."""


class InfeasibleError(BitwrightError):
    """A candidate that broke a hard limit or diverged: the trial ends, the study goes on."""
