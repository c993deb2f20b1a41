//! Disasters: processes killed at any moment, full disks, bad lines, a standby that is read meanwhile. No work is lost in any.

mod bad_line;
mod full_disk;
mod kills;
mod standby;
mod work;
