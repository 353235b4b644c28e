//! What templates expect of Python: how values print, and its JSON.

use std::io;

use minijinja::{
    Error, ErrorKind, Output, State, Value,
    value::{Kwargs, ValueKind},
};
use serde::Serialize as _;
use serde_json::ser::Formatter;

/// Prints as Python does: `True`, `None`, `1e-05`.
pub(super) fn print(
    out: &mut Output<'_>,
    _: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), Error> {
    let written = match value.kind() {
        ValueKind::Undefined => Ok(()),
        ValueKind::None => out.write_str("None"),
        ValueKind::Bool => out.write_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number if !value.is_integer() => {
            out.write_str(&real(f64::try_from(value.clone())?))
        }
        _ => write!(out, "{value}"),
    };
    written.map_err(|error| Error::new(ErrorKind::WriteFailure, error.to_string()))
}

/// `tojson` as `transformers` defines it: `json.dumps(value, ensure_ascii=False, indent=indent)`.
pub(super) fn tojson(value: Value, arguments: Kwargs) -> Result<Value, Error> {
    let failed = |why: String| Error::new(ErrorKind::InvalidOperation, why);
    let indent: Option<usize> = arguments.get("indent")?;
    arguments.assert_all_used()?; // what it does not do, it does not pass over
    if indent.is_some_and(|indent| indent > 16) {
        return Err(failed("tojson: indent is above 16".to_owned()));
    }
    let mut bytes = Vec::new();
    let layout = Layout { indent, depth: 0, empty: true };
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, layout);
    value.serialize(&mut serializer).map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes).map(Value::from).map_err(|error| failed(error.to_string()))
}

/// A real as Python prints it: the shortest digits that give it back, with an exponent below 1e-4 and from 1e16 on.
fn real(real: f64) -> String {
    if !real.is_finite() {
        let sign = if real.is_sign_negative() { "-" } else { "" };
        return if real.is_nan() { "nan".to_owned() } else { format!("{sign}inf") };
    }
    let shortest = format!("{real:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        exponent @ -4..16 => {
            let plain = format!("{real}");
            if exponent >= 0 && !plain.contains('.') { plain + ".0" } else { plain }
        }
        exponent => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
    }
}

/// `json.dumps`' blanks and line ends.
struct Layout {
    indent: Option<usize>,
    depth: usize,
    empty: bool,
}

impl Layout {
    fn open<W: ?Sized + io::Write>(&mut self, to: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.empty = true;
        to.write_all(bracket)
    }

    fn close<W: ?Sized + io::Write>(&mut self, to: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        if !self.empty {
            self.line(to)?;
        }
        self.empty = false;
        to.write_all(bracket)
    }

    fn item<W: ?Sized + io::Write>(&mut self, to: &mut W, first: bool) -> io::Result<()> {
        self.empty = false;
        if !first {
            to.write_all(if self.indent.is_some() { b"," } else { b", " })?;
        }
        self.line(to)
    }

    fn line<W: ?Sized + io::Write>(&self, to: &mut W) -> io::Result<()> {
        match self.indent {
            Some(indent) => write!(to, "\n{:1$}", "", indent * self.depth),
            None => Ok(()),
        }
    }
}

impl Formatter for Layout {
    fn write_f64<W: ?Sized + io::Write>(&mut self, to: &mut W, value: f64) -> io::Result<()> {
        to.write_all(real(value).as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.open(to, b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.close(to, b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.item(to, first)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.open(to, b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.close(to, b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.item(to, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reals_print_as_in_python() {
        for (value, expected) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.5e-5, "-2.5e-05"),
            (1e-4, "0.0001"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (1.5e300, "1.5e+300"),
            (0.0, "0.0"),
            (123456.789, "123456.789"),
        ] {
            assert_eq!(real(value), expected);
        }
    }
}
