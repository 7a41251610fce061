//! `Ere` against the regex functions of the C library: same verdict on a pattern, same verdict on
//! a text. Runs in the C locale, as a test never calls `setlocale`.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(unsafe_code, reason = "calls the C library")]
#![allow(clippy::print_stderr, reason = "a run says what it has covered")]

use std::ffi::CString;
use std::mem::MaybeUninit;

use erofs_writer::ere::{Ere, EreError};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// A pattern compiled by the C library.
struct Reference(Box<libc::regex_t>);

impl Reference {
    /// `Err` holds the code of `regcomp`.
    fn new(pattern: &[u8]) -> Result<Self, i32> {
        let pattern = CString::new(pattern).expect("generated patterns have no NUL");
        let mut regex = Box::new(MaybeUninit::uninit());
        let flags = libc::REG_EXTENDED | libc::REG_NOSUB;
        // SAFETY: both pointers are valid, the pattern ends in NUL, and `regcomp` initialises the
        // regex before it is read.
        let code = unsafe { libc::regcomp(regex.as_mut_ptr(), pattern.as_ptr(), flags) };
        if code != 0 {
            return Err(code);
        }
        // SAFETY: `regcomp` returned 0, so it has initialised the regex.
        Ok(Self(unsafe { regex.assume_init() }))
    }

    fn is_match(&self, text: &[u8]) -> bool {
        // REG_STARTEND takes the length from the match array, so that a text may hold NUL.
        const REG_STARTEND: i32 = 4;
        let end = libc::regoff_t::try_from(text.len()).expect("texts are short");
        let mut range = [libc::regmatch_t { rm_so: 0, rm_eo: end }];
        // SAFETY: the regex is compiled and not shared, the text has `end` bytes, and the array
        // has the one element it is said to have.
        let code = unsafe {
            libc::regexec(&*self.0, text.as_ptr().cast(), 1, range.as_mut_ptr(), REG_STARTEND)
        };
        code == 0
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: the regex was compiled and is freed once.
        unsafe { libc::regfree(&mut *self.0) }
    }
}

/// A difference between the two, if there is one. Counts the texts compared.
fn difference(pattern: &[u8], texts: &[Vec<u8>], compared: &mut Counts) -> Option<String> {
    let shown = pattern.escape_ascii();
    match (Ere::new(pattern), Reference::new(pattern)) {
        (Ok(ere), Ok(reference)) => {
            compared.accepted += 1;
            for text in texts {
                compared.texts += 1;
                let (ours, theirs) = (ere.is_match(text), reference.is_match(text));
                if theirs {
                    compared.matches += 1;
                }
                if ours != theirs {
                    let text = text.escape_ascii();
                    return Some(format!("{shown} on {text}: ours {ours}, glibc {theirs}"));
                }
            }
            None
        }
        (Err(_), Err(_)) => {
            compared.rejected += 1;
            None
        }
        (
            Err(
                EreError::BackReference { .. }
                | EreError::Hyphens { .. }
                | EreError::RepeatedAnchor { .. },
            ),
            Ok(_),
        ) => {
            compared.refused += 1;
            None
        }
        (Err(error), Ok(_)) => Some(format!("{shown}: ours {error}, glibc accepts")),
        (Ok(_), Err(code)) => Some(format!("{shown}: ours accepts, glibc error {code}")),
    }
}

/// Counts of a run.
#[derive(Debug, Default)]
struct Counts {
    /// Patterns both accept.
    accepted: u64,
    /// Patterns both reject.
    rejected: u64,
    /// Patterns only glibc accepts, by a named refusal of ours.
    refused: u64,
    /// Texts searched.
    texts: u64,
    /// Texts that matched.
    matches: u64,
}

/// Pieces that mean something outside brackets, and text around them.
const PIECES: &str = r"a b c 1 _ / - , a b . ( ) | ( ) | * + ? ^ $ [ ] [^ [] [^] { } {2} {,2} \
    {1,} {0} {0,1} {1,3} {,} \< \> \b \B \w \W \s \S \` \' \d \n \. \( \[ \{ \1 \0 [a-c] [^a] \
    [[:alpha:]] [^[:space:]_] [: :] [. .] [= =] [.-.] [=a=] [:digit:] [:nope:] a- -c -- () (| |) \
    && (? .*";

/// Pieces that mean something inside brackets.
const MEMBERS: &str = r"a b c z - - ] [ ^ \ + / . : = , 0 _ [:alpha:] [:space:] [:punct:] \
    [:cntrl:] [:xdigit:] [:blank:] [:graph:] [:print:] [:upper:] [:lower:] [:alnum:] [:digit:] \
    [:word:] [: [. [.-.] [.].] [.a.] [=a=] [=]=] [...] [..] [.ab.]";

/// Whole expressions, to be nested.
const LEAVES: &str = r"a b c 1 _ / - ab a b . ^ $ ^ $ \< \> \b \B \w \W \s \S \` \' [ab] [^ab] \
    [[:alnum:]] () (^) ($) (\b) (\B) (\<) (\>) \/";

/// Repetitions; the simple ones are the more frequent.
const REPETITIONS: &str = "* * + ? ? ** ?* {2} {0} {,2} {1,} {0,1} {2,3}";

/// Patterns with a rule of their own each.
const ODD: &str = r"*a (*a) a|*b ^*a $* \b* (\b)* ^+ a|{2} a** a+? a{2}{3} a+{2} a{,3} a{} {1} { \
    a{ a{x a{1 a{1x} a{2 a{1,2,3} a{,} a{32767} a{32768} a{32768,} a{2,1} a{0} a{0}* \
    (a{0}|b){3} a{1\,2} a{\0} a{1\0} a{1\1} a{\2} a\{2 a} } () a| | (|a) (a|) |a ) a) (a)) ( \
    (() \1 (\1) \0 \
    \d \y [a [] []a] [^]a] [a-] [-a] [--a] [a--] [--] [%--] [^-a] [a-c-e] [a-c-] []-a] [a-]] [!-[] \
    [[] [^] [^^] [a^] [[:digit:]-z] [[:digit:]-] [a-[:digit:]] [[=a=]-z] [a-[=c=]] [[.a.]-z] \
    [[.-.]-z] [a-[.c.]] [[.space.]] [[.hyphen.]] [[.ab.]] [[=ab=]] [[...]] [[..]] [[.].]] [[==]] \
    [[===]] [[:foo:]] [[::]] [[:alpha: [[:alpha:] [[.a [b-a] [\] [\n] [\]] \n a^b a$b (^a) (a$) \
    ^$ $^ ^^a a$$ (^|$)a .^a a$. .\`a a\'. \`\' \`* \<\> \>\< \b\B";

/// The pieces of a list above, whose lines end in a backslash.
fn pieces(list: &str) -> Vec<String> {
    let pieces = list.split_ascii_whitespace().filter(|&piece| piece != "\\");
    pieces.map(str::to_owned).collect()
}

/// The pieces of a list above, and those it cannot hold.
fn all_pieces(list: &str) -> Vec<String> {
    let mut pieces = pieces(list);
    pieces.extend([" ", "\n", "\u{e9}", "\\"].map(str::to_owned));
    pieces
}

/// Any order of pieces, half of which do not parse.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(all_pieces(PIECES));
    prop::collection::vec(pieces, 0..14).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Bracket expressions of random members.
fn bracket() -> impl Strategy<Value = Vec<u8>> {
    let members = prop::collection::vec(prop::sample::select(all_pieces(MEMBERS)), 0..6);
    (any::<bool>(), members).prop_map(|(negated, members)| {
        let open = if negated { "[^" } else { "[" };
        format!("{open}{}]", members.concat()).into_bytes()
    })
}

/// Patterns that parse, nested.
fn tree() -> impl Strategy<Value = Vec<u8>> {
    let mut leaves = pieces(LEAVES);
    leaves.extend(["", " ", "\n", "\u{e9}"].map(str::to_owned));
    let tree = prop::sample::select(leaves).prop_recursive(4, 14, 4, |inner| {
        let parts = prop::collection::vec(inner.clone(), 1..4);
        let repetitions = prop::sample::select(pieces(REPETITIONS));
        prop_oneof![
            parts.clone().prop_map(|parts| parts.concat()),
            parts.prop_map(|parts| format!("({})", parts.join("|"))),
            (inner, repetitions).prop_map(|(part, repetition)| format!("({part}){repetition}")),
        ]
    });
    // Nested repetitions take `regcomp` exponential time, intervals the more so.
    let weight = |pattern: &str| {
        let count = |byte| pattern.matches(byte).count();
        count('*') + count('?') + count('+') + 2 * count('{')
    };
    let tree = tree.prop_filter("too many repetitions", move |pattern| weight(pattern) <= 6);
    tree.prop_map(String::into_bytes)
}

/// Texts over the bytes the patterns speak of.
fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop::sample::select(b"aaabbbcc1_/- \n\n,)}{]\\\xc3\xa9^$.dn\0".to_vec());
    prop::collection::vec(prop::collection::vec(byte, 0..9), 6)
}

/// Compares the two on as many patterns as `ERE_GLIBC_CASES` says.
fn compare(patterns: impl Strategy<Value = Vec<u8>>) {
    let cases = std::env::var("ERE_GLIBC_CASES").ok().and_then(|text| text.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(3000),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        max_local_rejects: u32::MAX,
        ..Config::default()
    };
    let counts = std::cell::RefCell::new(Counts::default());
    let result = TestRunner::new(config).run(&(patterns, texts()), |(pattern, texts)| {
        match difference(&pattern, &texts, &mut counts.borrow_mut()) {
            None => Ok(()),
            Some(difference) => Err(TestCaseError::fail(difference)),
        }
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    eprintln!("{:?}", counts.borrow());
}

#[test]
fn any_order_of_pieces_reads_as_in_glibc() {
    compare(soup());
}

#[test]
fn any_bracket_expression_reads_as_in_glibc() {
    compare(bracket());
}

#[test]
fn any_nesting_matches_as_in_glibc() {
    compare(tree());
}

#[test]
fn each_odd_pattern_reads_as_in_glibc() {
    let mut counts = Counts::default();
    let texts = b"\0\t\n +,-./09:=AZ[\\]^_`abcez{}\x7f\x80\xe9\xff".map(|byte| vec![byte]);
    let more = ["", "aa", "aab", "a^b", "a$b", "\na", "a\n", "a\na", "aaaaaaaaaa", "{2", "a)"];
    let texts: Vec<_> = texts.into_iter().chain(more.map(|text| text.into())).collect();
    for pattern in pieces(ODD) {
        let found = difference(pattern.as_bytes(), &texts, &mut counts);
        assert_eq!(found, None, "of {pattern}");
    }
}

#[test]
fn a_pattern_of_excluded_store_paths_matches_as_in_glibc() {
    // As some virtual-machine builders write it: each byte of a name opens a group of two.
    fn exclude_all_but(names: &[&str], pattern: &mut String) {
        if names.iter().any(|name| name.is_empty()) {
            return pattern.push_str("(//X)");
        }
        let mut firsts: Vec<_> = names.iter().map(|name| &name[..1]).collect();
        firsts.dedup();
        pattern.push_str(&format!("([^{}]", firsts.concat()));
        for first in firsts {
            let rests: Vec<_> = names.iter().filter_map(|name| name.strip_prefix(first)).collect();
            pattern.push_str(&format!("|({first}"));
            exclude_all_but(&rests, pattern);
            pattern.push(')');
        }
        pattern.push(')');
    }
    let name = |number: u64| format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut names: Vec<_> = (1..1500).map(|number| name(number)[..10].to_owned()).collect();
    names.sort();
    let mut pattern = "^".to_owned();
    exclude_all_but(&names.iter().map(String::as_str).collect::<Vec<_>>(), &mut pattern);
    let texts = (1..3000).map(|number| format!("{}-name/share/doc", name(number)).into_bytes());
    let texts: Vec<_> = texts.collect();
    let mut counts = Counts::default();
    assert_eq!(difference(pattern.as_bytes(), &texts, &mut counts), None);
    assert_eq!((counts.texts, counts.matches), (2999, 1500));
}
