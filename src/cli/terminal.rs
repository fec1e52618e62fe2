//! How wide text may be where it is read: in come the program's own streams, out goes a number of columns.

use std::io::{self, IsTerminal};
use terminal_size::{Width, terminal_size_of};

/// Very wide terminals are not used to their end, since long lines read badly.
const WIDEST: usize = 140;

/// The columns of the terminal on which standard output is read: its own, or, where a pager or another filter takes it, the
/// one that errors go to. None where it goes to a file, or nobody watches.
pub(crate) fn columns_of_standard_output() -> Option<usize> {
    let stdout = io::stdout();
    let size = if stdout.is_terminal() {
        terminal_size_of(stdout)
    } else if is_pipe(&stdout) {
        terminal_size_of(io::stderr())
    } else {
        None
    };
    size.map(|(Width(columns), _)| usize::from(columns).min(WIDEST))
}

#[cfg(unix)]
fn is_pipe(stream: &impl std::os::fd::AsFd) -> bool {
    use std::os::unix::fs::FileTypeExt;

    let file = stream.as_fd().try_clone_to_owned().map(std::fs::File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

/// Elsewhere nobody tells.
#[cfg(not(unix))]
fn is_pipe(_: &io::Stdout) -> bool {
    false
}
