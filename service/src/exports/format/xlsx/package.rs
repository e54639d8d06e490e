//! The files of a workbook other than its sheets (ECMA-376, part 1): the list of the sheets, the
//! styles, and the lists of all files.

use super::sheet::Sheet;

const XML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const CONTENT: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/// Cells of numbers, texts, dates and headers, in the order of `sheet::Style`. Texts have the format
/// `@`, so that a spreadsheet takes them for texts even when they are edited.
const STYLES: &str = concat!(
    r#"<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd\ hh:mm:ss.000"/></numFmts>"#,
    r#"<fonts count="2"><font><sz val="11"/><name val="Calibri"/><family val="2"/></font>"#,
    r#"<font><b/><sz val="11"/><name val="Calibri"/><family val="2"/></font></fonts>"#,
    r#"<fills count="2"><fill><patternFill patternType="none"/></fill>"#,
    r#"<fill><patternFill patternType="gray125"/></fill></fills>"#,
    r#"<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>"#,
    r#"<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>"#,
    r#"<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>"#,
    r#"<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>"#,
    r#"<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>"#,
    r#"<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>"#,
    r#"</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>"#,
    r#"<dxfs count="0"/>"#,
);

/// Returns the path and content of each file.
pub(super) fn files(sheets: &[&Sheet]) -> [(&'static str, String); 5] {
    [
        ("xl/styles.xml", format!("{XML}<styleSheet xmlns=\"{MAIN}\">{STYLES}</styleSheet>")),
        ("xl/workbook.xml", workbook(sheets)),
        ("xl/_rels/workbook.xml.rels", workbook_relationships(sheets)),
        ("_rels/.rels", relationships(&relationship(1, "officeDocument", "/xl/workbook.xml"))),
        ("[Content_Types].xml", content_types(sheets)),
    ]
}

/// Returns the list of the sheets, and the ranges that can be filtered.
fn workbook(sheets: &[&Sheet]) -> String {
    let (mut list, mut filters) = (String::new(), String::new());
    for (index, sheet) in sheets.iter().enumerate() {
        let (name, number, (column, row)) = (&sheet.name, index + 1, sheet.last_cell());
        list += &format!(r#"<sheet name="{name}" sheetId="{number}" r:id="rId{number}"/>"#);
        filters += &format!(
            r#"<definedName name="_xlnm._FilterDatabase" localSheetId="{index}" hidden="1">'{name}'!$A$1:${column}${row}</definedName>"#
        );
    }
    format!(
        "{XML}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONSHIPS}\"><bookViews><workbookView/></bookViews>\
         <sheets>{list}</sheets><definedNames>{filters}</definedNames></workbook>"
    )
}

fn workbook_relationships(sheets: &[&Sheet]) -> String {
    let sheet = |(number, sheet): (usize, &&Sheet)| {
        relationship(number, "worksheet", &format!("/{}", sheet.path))
    };
    let list: String = (1..).zip(sheets).map(sheet).collect();
    relationships(&(list + &relationship(sheets.len() + 1, "styles", "/xl/styles.xml")))
}

fn relationships(list: &str) -> String {
    format!("{XML}<Relationships xmlns=\"{PACKAGE}/relationships\">{list}</Relationships>")
}

fn relationship(number: usize, kind: &str, target: &str) -> String {
    format!(r#"<Relationship Id="rId{number}" Type="{RELATIONSHIPS}/{kind}" Target="{target}"/>"#)
}

fn content_types(sheets: &[&Sheet]) -> String {
    let part = |path: &str, kind: &str| {
        format!(r#"<Override PartName="/{path}" ContentType="{CONTENT}.{kind}+xml"/>"#)
    };
    let list: String = sheets.iter().map(|sheet| part(&sheet.path, "worksheet")).collect();
    let (workbook, styles) =
        (part("xl/workbook.xml", "sheet.main"), part("xl/styles.xml", "styles"));
    format!(
        "{XML}<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" \
         ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>{workbook}{styles}{list}</Types>"
    )
}
