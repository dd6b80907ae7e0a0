-- purpose: the character of a text that nobody sees, or that not every version of Unicode normalizes alike
-- called by: check_purl_text, name_problem, purl_segment
-- writes: nothing
CREATE OR REPLACE FUNCTION artifactstore.hidden_character(p_text text)
RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    -- By number, not by category: each PostgreSQL has another version of Unicode.
    SELECT regexp_instr(p_text, '['
        -- controls, spaces that are not U+0020, soft hyphen
        '\u0001-\u001F\u007F-\u00A0\u00AD\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000'
        -- of no width: format characters, joiners, marks of direction, byte order mark, tags, fillers
        '\u034F\u0600-\u0605\u061C\u06DD\u070F\u0890\u0891\u08E2\u115F\u1160\u17B4\u17B5\u180B-\u180F'
        '\u200B-\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB'
        '\U000110BD\U000110CD\U00013430-\U0001345F\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A'
        '\U000E0000-\U000E0FFF'
        -- noncharacters and private use
        '\uE000-\uF8FF\uFDD0-\uFDEF\uFFFE\uFFFF\U000F0000-\U0010FFFF'
        -- younger than Unicode 14 (PostgreSQL 15): another server composes or orders them otherwise
        '\u0897\u1ACF-\u1AFF\U000105C0-\U000105FF\U00010D40-\U00010D8F\U00010EFA-\U00010EFF'
        '\U00011380-\U000113FF\U00011B60-\U00011B7F\U00011F00-\U00011F5F\U00016100-\U0001613F'
        '\U00016D40-\U00016D7F\U0001E08F\U0001E4D0-\U0001E4FF\U0001E5D0-\U0001E5FF\U0001E6C0-\U0001E6FF'
        ']')
$$;

COMMENT ON FUNCTION artifactstore.hidden_character(text) IS
'Position from 1 of the first invisible, bidirectional, control, private or too young character, '
'0 if there is none';
