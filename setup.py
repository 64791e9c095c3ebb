"""Metadata of fopemta.  Tool settings are in pyproject.toml, pinned versions in requirements-*.txt."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="fopemta",
    version="0.1.0",
    description="A mail transfer agent that sends each message by the strongest TLS its way allows, and can prove it",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    # "twisted.plugins" is no package of ours (no __init__.py beside the plugin): listing it puts the
    # plugin file where twistd looks for it.
    packages=[*find_packages(include=["fopemta", "fopemta.*"]), "twisted.plugins"],
    package_data={"fopemta": ["py.typed"]},
    install_requires=[
        "twisted>=24.10",
        "pyopenssl>=25.1",
        "service-identity>=24.1",
        "dnspython>=2.7",
        "attrs>=23.2",
        "zope.interface>=7.0",
        "cryptography>=44.0",
        "click>=8.1",
        "idna>=3.4",
        "google-re2>=1.1",
        "argon2-cffi>=23.1",
        "orjson>=3.10",
    ],
    entry_points={
        "console_scripts": ["fopemta = fopemta.cli.main:main", "fopemta-sendmail = fopemta.cli.sendmail:main"]
    },
    classifiers=[
        "Framework :: Twisted",
        "Intended Audience :: System Administrators",
        "License :: OSI Approved :: MIT License",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Communications :: Email :: Mail Transport Agents",
    ],
)
