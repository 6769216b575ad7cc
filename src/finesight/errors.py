"""One exception tree. Every message names the file or field at fault and the remedy."""


class FinesightError(Exception):
    """Something the user can mend; the command line prints the message without a traceback."""


class InputError(FinesightError):
    """A file, record or picture that cannot be used; batch work lists it and goes on."""


class ConfigError(FinesightError):
    """A setting that is unknown, incompatible or out of range."""


class ModelError(FinesightError):
    """A model folder that is missing, incomplete or of an unknown family."""


class ScriptError(FinesightError):
    """A scripted generator ran out of answers."""
