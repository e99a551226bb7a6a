ALTER TABLE fairlead.deliveries{{.OnCluster}}
    COMMENT COLUMN reason 'Why it was not taken: status, address, name, connect, tls, time, answer; why it was not sent: disabled, removed, lost (the notice is gone), superseded (another notice stands in its place); empty: it was taken; source: aggregator; privacy: none'
