-- Loss that central itself finds: after it was restored from an older backup, agents are ahead of it.

ALTER TYPE gap_cause ADD VALUE 'central_restored';
