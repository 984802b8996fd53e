//! Tables of text: cells in columns.

/// Cells with their headers. The first `left` columns hold words, the others numbers.
pub struct Columns {
    /// One for each column.
    pub headers: Vec<String>,
    /// As many cells each as there are headers.
    pub rows: Vec<Vec<String>>,
    /// Columns of words.
    pub left: usize,
}

impl Columns {
    /// Columns padded to their widest cell, a rule under the headers.
    pub fn aligned(&self) -> String {
        let widths: Vec<usize> = (0..self.headers.len())
            .map(|column| {
                let cells = self.rows.iter().map(|row| &row[column]);
                cells.chain([&self.headers[column]]).map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let line = |cells: &[String]| {
            let padded: Vec<String> =
                cells
                    .iter()
                    .zip(&widths)
                    .enumerate()
                    .map(|(column, (cell, width))| {
                        if column < self.left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                    })
                    .collect();
            format!("{}\n", padded.join("  ").trim_end())
        };
        let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{rule}\n{rows}", line(&self.headers))
    }

    /// The same as Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule: Vec<_> = (0..self.headers.len())
            .map(|column| if column < self.left { "---".to_owned() } else { "---:".to_owned() })
            .collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{}{rows}", line(&self.headers), line(&rule))
    }
}

/// `12345` as `12,345`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_threes() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
