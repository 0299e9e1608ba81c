"""How a file is read and edited: pure text to text, or text to values, one module per format.

Every edit keeps all bytes that it need not touch, is idempotent, and is proved by reading its own result again.
"""


class FormatError(ValueError):
    """A text that cannot be read, or edited, with certainty.

    `format` is the short name of the format ("toml"), `line` counts from 1 and is None where no line is to blame,
    `message` is one sentence without the place.
    """

    def __init__(self, format: str, message: str, line: int | None = None) -> None:
        self.format = format
        self.message = message
        self.line = line
        super().__init__(f"{format}, line {line}: {message}" if line is not None else f"{format}: {message}")
