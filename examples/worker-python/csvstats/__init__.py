"""Statistics of CSV files, column by column, in one pass over the rows."""
