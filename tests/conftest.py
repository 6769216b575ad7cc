"""What holds for all tests."""

from hypothesis import settings

# No test may depend on how busy the machine is: hypothesis' time limit an example is a wall-clock assertion.
settings.register_profile("finesight", deadline=None)
settings.load_profile("finesight")
