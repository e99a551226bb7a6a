SELECT count()
FROM fairlead.directory_log
WHERE version BETWEEN @first AND @last
