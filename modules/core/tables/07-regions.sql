-- The regions right below one, for those who choose.

CREATE INDEX regions_parent ON zwfw.regions (parent);
