"""The training log in and out: Parquet and DSJSON files, and the rows they are made of."""
