"""Decide: does the live object hold what was asked for?"""
