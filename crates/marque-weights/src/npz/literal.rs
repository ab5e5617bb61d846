//! The few literals of Python that the header of an array is made of.

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Flag(bool),
    Number(usize),
    /// A tuple or a list.
    Sequence(Vec<Literal>),
    /// Entries in their order.
    Map(Vec<(Literal, Literal)>),
}

/// Deeper than any header nests.
const MAX_DEPTH: usize = 16;

/// The one literal that `text` is; `None` if it is anything else.
pub(super) fn parse(text: &str) -> Option<Literal> {
    let mut parser = Parser { rest: text };
    let literal = parser.literal(0)?;
    parser.skip_space();
    parser.rest.is_empty().then_some(literal)
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn literal(&mut self, depth: usize) -> Option<Literal> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.skip_space();
        match self.rest.chars().next()? {
            quote @ ('\'' | '"') => self.text(quote),
            '(' => self.items(")", depth).map(Literal::Sequence),
            '[' => self.items("]", depth).map(Literal::Sequence),
            '{' => self.map(depth),
            '0'..='9' => self.number(),
            _ if self.take("True") => Some(Literal::Flag(true)),
            _ if self.take("False") => Some(Literal::Flag(false)),
            _ => None,
        }
    }

    /// Text without escapes, which names of types do not have.
    fn text(&mut self, quote: char) -> Option<Literal> {
        let (text, rest) = self.rest.get(1..)?.split_once(quote)?;
        if text.contains('\\') {
            return None;
        }
        self.rest = rest;
        Some(Literal::Text(text.to_owned()))
    }

    /// A whole number; Python 2 wrote some with an L behind.
    fn number(&mut self) -> Option<Literal> {
        let end = self.rest.find(|character: char| !character.is_ascii_digit());
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        digits.parse().ok().map(Literal::Number)
    }

    fn items(&mut self, close: &str, depth: usize) -> Option<Vec<Literal>> {
        self.rest = self.rest.get(1..)?;
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.literal(depth + 1)?);
            self.separator(close)?;
        }
        Some(items)
    }

    fn map(&mut self, depth: usize) -> Option<Literal> {
        self.rest = self.rest.get(1..)?;
        let mut entries = Vec::new();
        while !self.take("}") {
            let key = self.literal(depth + 1)?;
            if !self.take(":") {
                return None;
            }
            entries.push((key, self.literal(depth + 1)?));
            self.separator("}")?;
        }
        Some(Literal::Map(entries))
    }

    /// A comma, or the end, which stays.
    fn separator(&mut self, close: &str) -> Option<()> {
        self.skip_space();
        (self.take(",") || self.rest.starts_with(close)).then_some(())
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_parsed() {
        let text = "{'descr': '<f4', \"fortran_order\": False, 'shape': (3, 4L,), 'x': [('a', 1)], } \n";
        let Some(Literal::Map(entries)) = parse(text) else {
            panic!("{text}");
        };
        let (keys, values): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        assert_eq!(keys[1], Literal::Text("fortran_order".to_owned()));
        assert_eq!(values[0], Literal::Text("<f4".to_owned()));
        assert_eq!(values[1], Literal::Flag(false));
        let pair = |a, b| Literal::Sequence(vec![a, b]);
        assert_eq!(values[2], pair(Literal::Number(3), Literal::Number(4)));
        let inner = pair(Literal::Text("a".to_owned()), Literal::Number(1));
        assert_eq!(values[3], Literal::Sequence(vec![inner]));
        assert_eq!(parse("()"), Some(Literal::Sequence(vec![])));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "(",
            "{'a'}",
            "1 2",
            "f()",
            "-1",
            "'a\\n'",
            "(1 2)",
            "99999999999999999999",
            "{,}",
            "(,)",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"(".repeat(100_000)), None);
    }
}
