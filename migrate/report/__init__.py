"""How results are said: values -> text. Never computes, never connects."""
