"""The version of the generator, which every generated file states."""

VERSION = "0.1.0"
