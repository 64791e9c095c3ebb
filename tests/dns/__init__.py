"""Tests of DNS questions and responses as octets."""
