"""Versions of a run on disk or in an object store: complete, or not there. Pure of services; needs no torch.

state      one component's state, as bytes and back
manifest   what a version consists of
wire       records of files as messages
foreign    is a version one of this run?
files      whole files, on a local disk (local_files) or in an object store (object_files)
store      write, commit, abort, sweep, list, pin, delete, collect
opened     read a version, every byte verified
branch     begin another run at a version
restore    make a copy of an older version the newest one
retention  which versions may go
"""
