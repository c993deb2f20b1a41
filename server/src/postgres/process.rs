//! Questions to the operating system about processes, and the one signal between them.

use std::path::Path;
use std::{fs, io};

/// True when this process runs as root, which Postgres refuses to do.
pub fn is_root() -> bool {
    effective_user() == 0
}

pub(super) fn effective_user() -> u32 {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

/// Sends a signal; whether it arrives is for the receiver's end to show.
pub fn send_signal(pid: i32, signal: libc::c_int) {
    // SAFETY: kill has no memory preconditions; a pid that has gone is an error we do not need.
    unsafe { libc::kill(pid, signal) };
}

pub(super) fn is_alive(pid: i32) -> bool {
    // SAFETY: signal 0 only asks.
    unsafe { libc::kill(pid, 0) == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM) }
}

/// Postgres processes work inside their data folder (Linux).
pub(super) fn works_in(pid: i32, dir: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == dir)
}

pub(super) fn anybody_works_in(dir: &Path) -> bool {
    who_works_in(dir).next().is_some()
}

/// The processes whose working folder this is (Linux): of a data folder, the postmaster and its children.
pub fn who_works_in(dir: &Path) -> impl Iterator<Item = i32> + '_ {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| works_in(*pid, dir))
}

/// The parent of a process (Linux): field 4 of its status line, after the name, which may hold anything.
pub(super) fn parent_of(pid: i32) -> Option<i32> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    line.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(target_os = "linux")]
pub(super) fn die_with_parent(signal: libc::c_int, parent: u32) -> io::Result<()> {
    // SAFETY: plain system calls without memory arguments.
    unsafe {
        if libc::prctl(libc::PR_SET_PDEATHSIG, signal) != 0 {
            return Err(io::Error::last_os_error());
        }
        // It may have died between the fork and the line above.
        if libc::getppid() as u32 != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn die_with_parent(_signal: libc::c_int, _parent: u32) -> io::Result<()> {
    Ok(())
}
