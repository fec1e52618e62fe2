//! Words that were nearly right: in comes what somebody wrote and what may be written, out goes the nearest of them.

/// The word that was probably meant.
pub fn nearest<'a>(written: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Fewer letters are part of many words.
    const LEAST_PART: usize = 3;
    let written = written.to_lowercase();
    let distance = |word: &&str| strsim::damerau_levenshtein(&written, &word.to_lowercase());
    let (parts_of, others): (Vec<&str>, Vec<&str>) = words.into_iter().partition(|word| word.contains(&*written));
    let whole = parts_of.into_iter().min_by_key(distance).filter(|_| written.chars().count() >= LEAST_PART);
    // A third of the letters may be wrong; more is another word.
    let is_near = |word: &&str| distance(word) * 3 <= word.chars().count().max(LEAST_PART);
    whole.or_else(|| others.into_iter().min_by_key(distance).filter(is_near))
}

/// A sentence on a word that does not exist: with the nearest one, or with all that do.
pub fn unknown<'a>(what: &str, written: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    match nearest(written, words.iter().copied()) {
        Some(near) => format!("no {what} is called '{written}'; did you mean '{near}'?"),
        None => format!("no {what} is called '{written}'; there are {}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let words = ["tcp-handshake", "tls-hello", "tls-authentication", "mqtt-connect"];
        assert_eq!(nearest("tls-helo", words), Some("tls-hello"));
        assert_eq!(nearest("TLS-authentification", words), Some("tls-authentication"));
        assert_eq!(nearest("mqtt_connect", words), Some("mqtt-connect"));
        assert_eq!(nearest("authentication", words), Some("tls-authentication"));
        assert_eq!(nearest("tls-auth", words), Some("tls-authentication"));
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest("bananas", words), None);
    }

    #[test]
    fn the_sentence_names_the_nearest_or_all() {
        assert_eq!(
            unknown("phase", "tls-helo", ["tls-hello"]),
            "no phase is called 'tls-helo'; did you mean 'tls-hello'?"
        );
        assert_eq!(unknown("phase", "x-ray", ["one", "two"]), "no phase is called 'x-ray'; there are one, two");
    }
}
