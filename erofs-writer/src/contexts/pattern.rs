//! Patterns of a file of contexts, from text to trees.
//!
//! SELinux matches them with PCRE2. `regex-syntax` reads nearly the same language.
//! Patterns that the two read differently are refused, and so are patterns that no
//! automaton can match. So a pattern that is accepted means the same as with SELinux.

use regex_syntax::ast::{
    AssertionKind, Ast, ClassSet, ClassSetBinaryOp, ClassSetItem, GroupKind, HexLiteralKind,
    Literal, LiteralKind, Span, SpecialLiteralKind, Visitor, parse::ParserBuilder, visit,
};
use regex_syntax::hir::Hir;
use regex_syntax::hir::translate::TranslatorBuilder;

use crate::error::FileContextsErrorKind;

/// The most groups that may lie in each other.
const MAX_DEPTH: u32 = 100;

/// The tree of `pattern`, which has to match whole paths. As SELinux does, anchors are
/// put around its text: in `a|b`, `a` has to be at the start, and `b` at the end.
pub(super) fn parse(pattern: &str) -> Result<Hir, FileContextsErrorKind> {
    let backslashes = pattern.bytes().rev().take_while(|byte| *byte == b'\\').count();
    if backslashes % 2 == 1 {
        // The backslash would make the anchor after it a literal character.
        let (at, what) = (pattern.len() - 1, "a backslash with nothing after it".to_owned());
        return Err(FileContextsErrorKind::Pattern { at, what });
    }
    let text = format!("^{pattern}$");
    let refusal = |span: &Span, what: String| {
        // The place must lie in the pattern, not in one of the anchors.
        let at = span.start.offset.saturating_sub(1).min(pattern.len());
        FileContextsErrorKind::Pattern { at, what }
    };
    let mut parser = ParserBuilder::new().nest_limit(MAX_DEPTH).build();
    let ast = parser.parse(&text).map_err(|error| {
        let what = error.kind().to_string();
        refusal(error.span(), what.lines().next().unwrap_or_default().to_owned())
    })?;
    visit(&ast, Differences).map_err(|(span, what)| refusal(&span, what.to_owned()))?;
    let mut translator =
        TranslatorBuilder::new().utf8(false).unicode(false).dot_matches_new_line(true).build();
    translator
        .translate(&text, &ast)
        .map_err(|error| refusal(error.span(), error.kind().to_string()))
}

/// Finds what PCRE2 reads differently or not at all.
struct Differences;

type Found = Result<(), (Span, &'static str)>;

impl Visitor for Differences {
    type Output = ();
    type Err = (Span, &'static str);

    fn finish(self) -> Found {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Found {
        match ast {
            Ast::Flags(flags) => Err((flags.span, "options in a pattern are not supported")),
            Ast::Group(group) => match &group.kind {
                GroupKind::NonCapturing(flags) if !flags.items.is_empty() => {
                    Err((flags.span, "options in a pattern are not supported"))
                }
                _ => Ok(()),
            },
            Ast::Repetition(repetition) => match &*repetition.ast {
                // A second operator would make the first one possessive.
                Ast::Repetition(_) => {
                    Err((repetition.op.span, "a repetition cannot be repeated, or be possessive"))
                }
                Ast::Assertion(_) | Ast::Flags(_) | Ast::Empty(_) => {
                    Err((repetition.op.span, "nothing to repeat"))
                }
                _ => Ok(()),
            },
            Ast::Assertion(assertion) => match assertion.kind {
                AssertionKind::StartLine
                | AssertionKind::EndLine
                | AssertionKind::StartText
                | AssertionKind::EndText
                | AssertionKind::WordBoundary
                | AssertionKind::NotWordBoundary => Ok(()),
                _ => Err((assertion.span, "this escape is not supported")),
            },
            Ast::Literal(literal) => check_literal(literal),
            // PCRE2 reads the hyphen as a range of its neighbours.
            Ast::ClassBracketed(class) => match &class.kind {
                ClassSet::Item(ClassSetItem::Union(union)) if is_bare_range(&union.items) => {
                    Err((class.span, "a range from ] or - needs a backslash"))
                }
                _ => Ok(()),
            },
            Ast::ClassUnicode(class) => Err((class.span, "this escape is not supported")),
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Found {
        match item {
            ClassSetItem::Literal(literal) => check_literal(literal),
            ClassSetItem::Range(range) => {
                check_literal(&range.start).and_then(|()| check_literal(&range.end))
            }
            ClassSetItem::Bracketed(inner) => {
                Err((inner.span, "a [ inside brackets needs a backslash"))
            }
            ClassSetItem::Unicode(class) => Err((class.span, "this escape is not supported")),
            _ => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, op: &ClassSetBinaryOp) -> Found {
        Err((op.span, "&&, -- and ~~ inside brackets need backslashes"))
    }
}

/// Whether `items` begin with a `]` or `-` and a hyphen, and go on after that.
fn is_bare_range(items: &[ClassSetItem]) -> bool {
    let is = |item: &ClassSetItem, chars: &[char]| match item {
        ClassSetItem::Literal(literal) => {
            literal.kind == LiteralKind::Verbatim && chars.contains(&literal.c)
        }
        _ => false,
    };
    matches!(items, [first, second, _, ..] if is(first, &[']', '-']) && is(second, &['-']))
}

fn check_literal(literal: &Literal) -> Found {
    match literal.kind {
        LiteralKind::Special(SpecialLiteralKind::VerticalTab)
        | LiteralKind::HexFixed(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong)
        | LiteralKind::HexBrace(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong) => {
            Err((literal.span, "this escape is not supported"))
        }
        _ => Ok(()),
    }
}
