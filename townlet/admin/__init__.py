"""How people look at a run and steer it: through the learner's admin service, or without one."""
