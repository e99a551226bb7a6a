CREATE DATABASE IF NOT EXISTS fairlead{{.OnCluster}}
COMMENT 'Fairlead: the facts of a partner program and what is computed from them. Analysts read the database analytics.'
