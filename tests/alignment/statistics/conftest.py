"""Laws are tried on the same cases every time, without a time limit for each: cores may be shared."""

from hypothesis import settings

settings.register_profile("shared cores", settings.get_profile("ci"), max_examples=40)
settings.load_profile("shared cores")
