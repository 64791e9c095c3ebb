"""Tests of the dispatcher, against a spool in memory and scripted couriers."""
