"""Decide: how well is a live object doing?"""
