ALTER TABLE fairlead.clicks{{.Local}}{{.OnCluster}}
    MODIFY COLUMN seq          CODEC(T64('bit'), ZSTD(1)),
    MODIFY COLUMN clicked_at   CODEC(T64('bit'), ZSTD(1)),
    MODIFY COLUMN click_nonce  CODEC(T64('bit'), ZSTD(1)),
    MODIFY COLUMN slug         CODEC(ZSTD(3)),
    MODIFY COLUMN destination  CODEC(ZSTD(3))
