//! POSIX extended regular expressions with the meaning glibc gives them in the C locale.
//!
//! A pattern is parsed here (`parse`, `bracket`), passed on as an expression tree, and
//! searched for with a lazily built automaton, so that a search takes time linear in the
//! text. Patterns that glibc refuses are refused, and so are patterns that an automaton
//! cannot match. The rules were taken from glibc 2.36, not from the standard, which
//! leaves most of the odd cases undefined.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::str::FromStr;
use std::sync::Arc;

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{Compiler, Config, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::Look;

mod bracket;
mod error;
mod limits;
mod newline;
mod parse;

pub use error::EreError;
use limits::SIZE_LIMIT;

/// The most memory for automaton states found while searching, in bytes, per searching thread.
/// When it is full the states are forgotten and found again.
const CACHE_LIMIT: usize = 16 << 20;

/// A POSIX extended regular expression, as glibc reads it: `regcomp` with `REG_EXTENDED` and
/// `REG_NOSUB`, and `regexec` without flags, in the C locale.
///
/// The GNU operators `\<`, `\>`, `\b`, `\B`, `\w`, `\W`, `\s`, `\S`, `` \` `` and `\'`
/// are known. A backslash before any other byte, except `1` to `9`, makes that byte
/// literal. Text is bytes: `.` and `[^a]` match a newline, and no byte above 127 is a
/// letter. `^` and `$` match at the ends of the text and, as with glibc, beside a newline
/// that the match itself takes: `a$` does not match `"a\n"`, but `a$.` does.
///
/// These patterns are valid for glibc but refused here: back-references, an anchor or a
/// word edge that is repeated by `+` or by an interval beyond 1, three hyphens in a row
/// in a bracket expression, more than 100 levels of groups and stacked repetitions, and
/// patterns whose automaton takes more than 64 MiB.
///
/// ```
/// # use erofs_writer::ere::Ere;
/// let ere: Ere = r"^(usr/share/(doc|man)|.*\.pyc$)".parse()?;
/// assert!(ere.is_match(b"usr/share/man/man1"));
/// assert!(!ere.is_match(b"usr/share/zoneinfo"));
/// # Ok::<(), erofs_writer::ere::EreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ere {
    program: Arc<Program>,
}

/// Two expressions are equal if they were compiled from the same pattern.
impl PartialEq for Ere {
    fn eq(&self, other: &Self) -> bool {
        self.program.pattern == other.program.pattern
    }
}

impl Eq for Ere {}

/// A compiled pattern, and the states that searches of it have found.
#[derive(Debug)]
struct Program {
    pattern: Box<[u8]>,
    dfa: DFA,
    caches: Pool<Cache, NewCache>,
    /// Yes if every match begins with `^`, so that one attempt at the start of the text is enough.
    anchored: Anchored,
    /// Whether `^` or `$` occurs.
    has_line_anchors: bool,
}

/// Makes the cache of one more thread.
type NewCache = Box<dyn Fn() -> Cache + Send + Sync + UnwindSafe + RefUnwindSafe>;

impl Ere {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`EreError`] if it is not one, or not one that can be matched here.
    pub fn new(pattern: impl AsRef<[u8]>) -> Result<Self, EreError> {
        Self::compile(pattern.as_ref())
    }

    fn compile(pattern: &[u8]) -> Result<Self, EreError> {
        let tree = parse::parse(pattern)?;
        let config = Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(SIZE_LIMIT));
        let nfa = Compiler::new().configure(config).build_from_hir(&tree);
        let nfa = nfa.map_err(|_| EreError::TooLarge)?;
        // A pattern may exceed the limit if the few states of one step need that.
        let config = DFA::config().cache_capacity(CACHE_LIMIT).skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa);
        let dfa = dfa.map_err(|_| EreError::TooLarge)?;
        let looks = tree.properties().look_set();
        let starts = tree.properties().look_set_prefix().contains(Look::StartLF);
        let for_caches = dfa.clone();
        let caches: NewCache = Box::new(move || for_caches.create_cache());
        let program = Program {
            pattern: pattern.into(),
            dfa,
            caches: Pool::new(caches),
            anchored: if starts { Anchored::Yes } else { Anchored::No },
            has_line_anchors: looks.contains(Look::StartLF) || looks.contains(Look::EndLF),
        };
        Ok(Self { program: Arc::new(program) })
    }

    /// The pattern as it was given.
    pub fn as_bytes(&self) -> &[u8] {
        &self.program.pattern
    }

    /// How many bytes of memory the compiled pattern takes, without the states that
    /// searches find.
    pub fn memory_usage(&self) -> usize {
        self.program.dfa.get_nfa().memory_usage()
    }

    /// Whether the pattern matches anywhere in `text`.
    pub fn is_match(&self, text: &[u8]) -> bool {
        let Program { dfa, caches, anchored, has_line_anchors, .. } = &*self.program;
        if *has_line_anchors && text.contains(&b'\n') {
            return newline::is_match(dfa.get_nfa(), text);
        }
        let input = Input::new(text).anchored(*anchored).earliest(true);
        let found = dfa.try_search_fwd(&mut caches.get(), &input);
        found.expect("because no byte and no count of cache clearings stops a search").is_some()
    }
}

impl FromStr for Ere {
    type Err = EreError;

    fn from_str(pattern: &str) -> Result<Self, EreError> {
        Self::new(pattern.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_what_glibc_matches() {
        // Pattern, a text that matches, a text that does not.
        let table: &[(&str, &[u8], &[u8])] = &[
            ("b", b"abc", b"ac"),
            ("^a.c$", b"a\nc", b"a\0c"),
            ("a^b|c$d|e", b"xe", b"a^bc$d"),
            ("(^a|b)c(d|$)", b"bc", b"xac"),
            (r"\<a\>", b"b a-b", b"ab"),
            (r"\ba\B", b"ab", b"a"),
            (r"^\w\W\s\S$", b"_- /", b"/- /"),
            (r"\`a\'", b"a", b"a\n"),
            (r"^\d\n\/\0$", b"dn/0", b"1\n/0"),
            (r"^[\d]+$", br"\d", b"1"),
            ("^[]a]+$", b"]a", b"b"),
            ("^[^]a]$", b"\n", b"]"),
            ("^[a-]+[-a][--/]$", b"a--.", b"a--,"),
            ("^[[.-.]-/][[=a=]][[.].]]$", b".a]", b",a]"),
            ("^[a&&b]+$", b"&ab", b"c"),
            ("^[[:alnum:]][[:alpha:]][[:blank:]][[:cntrl:]]$", b"0z\t\x7f", b"_z\t\x7f"),
            ("^[[:digit:]][[:graph:]][[:lower:]][[:print:]]$", b"9~a ", b"9 a "),
            ("^[[:punct:]][[:space:]][[:upper:]][[:xdigit:]]$", b"`\x0bZf", b"a\x0bZf"),
            ("^[^[:alpha:]]$", b"\xe9", b"e"),
            ("^a**b+?$", b"", b"ba"),
            ("^a{2}b{1,}c{,2}d{0}$", b"aabbcc", b"aabbccc"),
            ("^(ab){2,3}$", b"ababab", b"ab"),
            (r"^a{1\,2}b{1\0}$", b"abbbbbbbbbb", b"ab"),
            ("^(()|a)(|b)(c|)$", b"ac", b"aa"),
            ("^a)}$", b"a)}", b"a"),
        ];
        for &(pattern, yes, no) in table {
            let ere = Ere::new(pattern.as_bytes()).expect(pattern);
            assert!(ere.is_match(yes), "{pattern} on {}", yes.escape_ascii());
            assert!(!ere.is_match(no), "{pattern} on {}", no.escape_ascii());
        }
        for pattern in ["", "a|", "|", "(|a)", "()", "a{0}*"] {
            assert!(Ere::new(pattern.as_bytes()).expect(pattern).is_match(b""), "{pattern}");
        }
    }

    #[test]
    fn bytes_above_127_are_single_characters() {
        let ere = Ere::new(b"^[\xc3-\xc5].\\W$").expect("ranges are of bytes");
        assert!(ere.is_match(b"\xc4\xff\xe9"));
        assert!(!ere.is_match(b"\xc6\xff\xe9"));
    }

    #[test]
    fn line_anchors_match_at_a_newline_inside_the_match_only() {
        for (pattern, text, matches) in [
            (".^a", "\na", true),
            ("^a", "\na", false),
            ("(^|x)a", "\na", false),
            (".*(^|/)a", "b\na", true),
            ("a$.", "a\n", true),
            ("a$", "a\n", false),
            ("a($|b).*c", "a\nc", true),
            (r".\`a", "\na", false),
            (r"a\'.", "a\n", false),
            (r"\<a$\W^b\>", "-a\nb", true),
        ] {
            let ere = Ere::new(pattern.as_bytes()).expect(pattern);
            assert_eq!(ere.is_match(text.as_bytes()), matches, "{pattern} on {text:?}");
        }
    }

    #[test]
    fn patterns_are_refused_at_the_offending_byte() {
        use EreError::*;
        let table: &[(&str, EreError)] = &[
            ("a\0b", Nul { at: 1 }),
            (r"ab\", Escape { at: 2 }),
            (r"(a)\1", BackReference { at: 3 }),
            ("a(b(c)", Group { at: 1 }),
            ("*a", Repeat { at: 0 }),
            ("(+a)", Repeat { at: 1 }),
            ("a|?", Repeat { at: 2 }),
            ("^*", Repeat { at: 1 }),
            (r"a\b{2}", Repeat { at: 3 }),
            ("(^a)+", RepeatedAnchor { at: 4 }),
            (r"(\<a){,2}", RepeatedAnchor { at: 5 }),
            ("a{", Interval { at: 1 }),
            ("a{1", Interval { at: 1 }),
            ("a{}", Interval { at: 1 }),
            ("a{x}", Interval { at: 1 }),
            ("a{2,1}", Interval { at: 1 }),
            ("a{1,2,3}", Interval { at: 1 }),
            ("a{32768}", Interval { at: 1 }),
            ("a{99999999999999999999,}", Interval { at: 1 }),
            ("b[a", Bracket { at: 1 }),
            ("[]", Bracket { at: 0 }),
            ("[[:alpha:", Bracket { at: 0 }),
            ("[b-a]", Range { at: 1 }),
            ("[a-c-e]", Range { at: 4 }),
            ("[a-[:digit:]]", Range { at: 3 }),
            ("[[:digit:]-z]", Range { at: 10 }),
            ("[a--]", Range { at: 1 }),
            ("[+---]", Hyphens { at: 2 }),
            ("[[:word:]]", Class { at: 1 }),
            ("[[.space.]]", Collating { at: 1 }),
            ("[[=ab=]]", Collating { at: 1 }),
            ("((a{1000}){1000}){9}", TooLarge),
        ];
        for (pattern, error) in table {
            assert_eq!(Ere::new(pattern.as_bytes()).err().as_ref(), Some(error), "{pattern}");
        }
        assert_eq!(Nul { at: 3 }.to_string(), "byte 3: nul byte");
        assert_eq!(TooLarge.to_string(), "compiled pattern takes more than 64 MiB");
    }

    #[test]
    fn anchors_may_be_optional_or_starred() {
        for pattern in ["(^a)?b", "(a$|b)*", "(^a){1}", "(^a){0}b", "(^a){,1}b"] {
            Ere::new(pattern.as_bytes()).expect(pattern);
        }
    }

    #[test]
    fn height_is_bounded_however_it_comes_about() {
        let nest = |open: &str, close: &str, levels| {
            let (open, close) = (open.repeat(levels), close.repeat(levels));
            format!("{open}a{close}")
        };
        for (open, close, levels) in
            [("(", ")*", 50), ("(b|c", "d|e)", 100), ("(()|$|c", "d*)", 99)]
        {
            let ere: Ere = nest(open, close, levels).parse().expect(open);
            assert!(ere.is_match(nest("c", "d", levels).as_bytes()), "{open}");
        }
        for (pattern, at) in [
            (nest("(", ")*", 51), 151),
            ("(".repeat(100_000), 100),
            ("a".to_owned() + &"*".repeat(100_000), 101),
            ("(".repeat(80) + "a" + &"{2}".repeat(30), 141),
        ] {
            assert_eq!(pattern.parse::<Ere>().err(), Some(EreError::Height { at }));
        }
    }

    #[test]
    fn a_long_list_of_excluded_names_compiles() {
        let name = |number: u64| format!("{:010x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let names: Vec<_> = (1..10_000).map(|number| name(number)[..10].to_owned()).collect();
        let ere: Ere = format!("^({})", names.join("|")).parse().expect("110 KB of names");
        assert!(ere.is_match(format!("{}-name/bin", names[700]).as_bytes()));
        assert!(!ere.is_match(format!("-{}", names[700]).as_bytes()));
    }
}
