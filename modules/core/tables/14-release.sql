-- The number of a slice's functions, which only rises.

ALTER TABLE zwfw.migrations ADD release integer NOT NULL DEFAULT 0;
