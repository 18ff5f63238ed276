"""The verbs as functions: each joins the layers below into one job, and the command line calls it."""
