//! A capture that is analysed in shares, each by a process of its own: on many machines, or on one.
//!
//! A share is what it is among threads ([`crate::flow::Share`]): the tables of some flows, and with them their limits. Frames come in
//! and go out as pieces, one a share, each with all that its connections need ([`split`]); what one share's verdicts need to
//! know of the others goes through small files ([`carry`]). Nothing here judges, and no connection is ever cut: whatever
//! files and groups of files its frames came from, they meet in one share before anything is told.

pub mod carry;
pub mod split;

use crate::flow::Share;

/// The most shares that a capture can have: there are as many tables.
pub const MAX_SHARES: usize = 64;

/// Reads `3/8`: the third of eight shares, counted from 1 for people.
///
/// # Errors
/// One sentence where that is no share.
pub fn parse_share(text: &str) -> Result<Share, String> {
    let problem = || format!("'{text}' is no share: write I/N, for example 3/8, with N at most {MAX_SHARES}");
    let (number, of) = text.split_once('/').ok_or_else(problem)?;
    let (number, of): (usize, usize) = (number.parse().map_err(|_| problem())?, of.parse().map_err(|_| problem())?);
    if number < 1 || number > of || of > MAX_SHARES {
        return Err(problem());
    }
    Ok(Share { index: number - 1, of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_count_from_one() {
        assert_eq!(parse_share("1/1"), Ok(Share { index: 0, of: 1 }));
        assert_eq!(parse_share("8/8"), Ok(Share { index: 7, of: 8 }));
        for wrong in ["", "3", "0/8", "9/8", "1/65", "a/b", "1/0", "-1/2"] {
            assert!(parse_share(wrong).is_err_and(|problem| problem.contains("3/8")), "{wrong}");
        }
    }
}
