DROP TABLE suppression_cache;
DROP TABLE signal_processing;
DROP TABLE signals;
