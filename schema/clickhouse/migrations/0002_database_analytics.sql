CREATE DATABASE IF NOT EXISTS analytics{{.OnCluster}}
COMMENT 'Fairlead for analysts: stable, documented views of the database fairlead, without personal data.'
