# cmake -DIN=file.sql -DOUT=file.c -DNAME=symbol -P embed.cmake: the text of IN as a C string.
file(READ ${IN} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n    " bytes "${bytes}")
get_filename_component(from ${IN} NAME)
file(WRITE ${OUT}
  "/* Made from ${from}. */\n#include \"collector/store/schema.h\"\n\n"
  "const char ${NAME}[] = {\n    ${bytes}0};\n")
