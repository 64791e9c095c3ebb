"""The tests of fopemta; the folders mirror `fopemta/`."""

from hypothesis import HealthCheck, settings

# A test that depends on how busy the machine is says nothing of the code: no deadlines, and inputs may take their time.
settings.register_profile("fopemta", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fopemta")
