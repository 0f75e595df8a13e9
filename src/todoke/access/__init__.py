"""Decide: what may an application of this project do?"""
