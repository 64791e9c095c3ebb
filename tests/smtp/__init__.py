"""Tests of the ESMTP language."""
